// Works with a server over gRPC through the official client; ends with 1 where an answer is not the expected one.
// go run . HOST PORT
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/qdrant/go-client/qdrant"
)

const name = "from go"

func check(what string, got, want any, err error) {
	if err != nil {
		fmt.Printf("%s failed: %v\n", what, err)
		os.Exit(1)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		fmt.Printf("%s: %v instead of %v\n", what, got, want)
		os.Exit(1)
	}
	fmt.Printf("%s: %v\n", what, got)
}

func ids(points []*qdrant.ScoredPoint) (found []uint64) {
	for _, point := range points {
		found = append(found, point.Id.GetNum())
	}
	return found
}

func main() {
	port, _ := strconv.Atoi(os.Args[2])
	client, err := qdrant.NewClient(&qdrant.Config{Host: os.Args[1], Port: port, SkipCompatibilityCheck: true})
	check("connect", err == nil, true, err)
	defer client.Close()
	ctx := context.Background()

	health, err := client.HealthCheck(ctx)
	check("version", health.GetVersion(), "1.20.0", err)
	exists, err := client.CollectionExists(ctx, name)
	check("exists", exists, false, err)
	err = client.CreateCollection(ctx, &qdrant.CreateCollection{
		CollectionName: name,
		VectorsConfig:  qdrant.NewVectorsConfig(&qdrant.VectorParams{Size: 2, Distance: qdrant.Distance_Dot}),
	})
	check("create", true, true, err)

	points := []*qdrant.PointStruct{}
	for n := uint64(1); n <= 5; n++ {
		points = append(points, &qdrant.PointStruct{
			Id:      qdrant.NewIDNum(n),
			Vectors: qdrant.NewVectors(float32(n), 1),
			Payload: qdrant.NewValueMap(map[string]any{"n": int64(n), "even": n%2 == 0, "tags": []any{"a", float64(n) / 2}}),
		})
	}
	wait := true
	done, err := client.Upsert(ctx, &qdrant.UpsertPoints{CollectionName: name, Points: points, Wait: &wait})
	check("upsert", done.GetStatus(), qdrant.UpdateStatus_Completed, err)
	count, err := client.Count(ctx, &qdrant.CountPoints{CollectionName: name})
	check("count", count, 5, err)

	limit := uint64(3)
	found, err := client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Query: qdrant.NewQuery(1, 0), Limit: &limit, WithPayload: qdrant.NewWithPayload(true),
	})
	check("query", ids(found), []uint64{5, 4, 3}, err)
	check("payload", found[0].Payload["n"].GetIntegerValue(), 5, nil)
	check("score", found[0].Score, 5, nil)

	even := &qdrant.Filter{Must: []*qdrant.Condition{qdrant.NewMatchBool("even", true)}}
	found, err = client.Query(ctx, &qdrant.QueryPoints{CollectionName: name, Query: qdrant.NewQuery(1, 0), Filter: even})
	check("filter", ids(found), []uint64{4, 2}, err)
	page := uint32(2)
	listed, err := client.Scroll(ctx, &qdrant.ScrollPoints{CollectionName: name, Limit: &page})
	check("scroll", len(listed), 2, err)

	_, err = client.Delete(ctx, &qdrant.DeletePoints{CollectionName: name, Points: qdrant.NewPointsSelectorFilter(even), Wait: &wait})
	check("delete", true, true, err)
	count, err = client.Count(ctx, &qdrant.CountPoints{CollectionName: name})
	check("left", count, 3, err)
	_, err = client.Query(ctx, &qdrant.QueryPoints{CollectionName: "no such thing", Query: qdrant.NewQuery(1, 0)})
	check("error", err, "Query() failed: no such thing: rpc error: code = NotFound desc = Not found: Collection `no such thing` doesn't exist!", nil)
	err = client.DeleteCollection(ctx, name)
	check("drop", true, true, err)
}
