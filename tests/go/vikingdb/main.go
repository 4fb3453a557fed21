// Works with a server as the clients of Volcano Engine for Go do: the control plane through their general client, the
// data plane with their signatures and with what their SDK for VikingDB sends. Ends with 1 where an answer is not the
// expected one.
// go run . SCHEME HOST:PORT ACCESS_KEY SECRET_KEY
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/volcengine/volc-sdk-golang/base"
	"github.com/volcengine/volcengine-go-sdk/volcengine"
	"github.com/volcengine/volcengine-go-sdk/volcengine/credentials"
	"github.com/volcengine/volcengine-go-sdk/volcengine/session"
	"github.com/volcengine/volcengine-go-sdk/volcengine/universal"
)

type object = map[string]any

const region = "cn-beijing"

var scheme, host, accessKey, secretKey = os.Args[1], os.Args[2], os.Args[3], os.Args[4]

func check(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		fmt.Printf("%s: %v instead of %v\n", what, got, want)
		os.Exit(1)
	}
	fmt.Printf("%s: %v\n", what, got)
}

func told(values ...any) string {
	return strings.TrimSpace(fmt.Sprintln(values...))
}

// manage carries out an action of the control plane and returns its result.
func manage(action string, body object) (object, error) {
	config := volcengine.NewConfig().WithRegion(region).WithEndpoint(host).WithDisableSSL(scheme == "http").
		WithCredentials(credentials.NewStaticCredentials(accessKey, secretKey, ""))
	opened, err := session.NewSession(config)
	if err != nil {
		return nil, err
	}
	answer, err := universal.New(opened).DoCall(universal.RequestUniversal{
		ServiceName: "vikingdb",
		Action:      action,
		Version:     "2025-06-09",
		HttpMethod:  universal.POST,
		ContentType: universal.ApplicationJSON,
	}, &body)
	if err != nil {
		return nil, err
	}
	result, _ := (*answer)["Result"].(object)
	return result, nil
}

// ask sends a request to the data plane and returns its status and answer.
func ask(path string, body object, secret string) (int, object) {
	content, _ := json.Marshal(body)
	request, _ := http.NewRequest(http.MethodPost, scheme+"://"+host+"/api/vikingdb/"+path, bytes.NewReader(content))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Tt-Logid", "from-go")
	signer := base.Credentials{AccessKeyID: accessKey, SecretAccessKey: secret, Service: "vikingdb", Region: region}
	response, err := http.DefaultClient.Do(signer.Sign(request))
	if err != nil {
		fmt.Println(path, "failed:", err)
		os.Exit(1)
	}
	defer response.Body.Close()
	answered, _ := io.ReadAll(response.Body)
	answer := object{}
	check(path+" is JSON", json.Unmarshal(answered, &answer), nil)
	check(path+" has the id", answer["request_id"], "from-go")
	return response.StatusCode, answer
}

// result sends a request that is right, and returns the result.
func result(path string, body object) object {
	status, answer := ask(path, body, secretKey)
	check(path+" answers", told(status, answer["code"]), "200 Success")
	found, _ := answer["result"].(object)
	return found
}

// inCollection returns a body as the SDK writes it, which sends what is empty, too.
func inCollection(other object) object {
	body := object{"resource_id": "", "collection_name": "from_go"}
	for name, value := range other {
		body[name] = value
	}
	return body
}

func inIndex(other object) object {
	body := inCollection(other)
	body["index_name"] = "by_go"
	return body
}

func main() {
	fields := []object{
		{"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": true},
		{"FieldName": "score", "FieldType": "float32"},
		{"FieldName": "vector", "FieldType": "vector", "Dim": 4},
	}
	made, err := manage("CreateVikingdbCollection", object{"CollectionName": "from_go", "Fields": fields})
	check("create a collection", told(made["Message"], err), "success <nil>")
	time.Sleep(1100 * time.Millisecond) // a change that is signed alike is put off
	_, err = manage("CreateVikingdbCollection", object{"CollectionName": "from_go", "Fields": fields})
	check("create it again", err != nil && strings.Contains(err.Error(), "AlreadyExists.VikingdbCollection"), true)
	index := object{"IndexType": "hnsw", "Distance": "ip", "Quant": "float"}
	_, err = manage("CreateVikingdbIndex", object{
		"CollectionName": "from_go", "IndexName": "by_go", "VectorIndex": index,
	})
	check("create an index", err, nil)
	listed, err := manage("ListVikingdbIndex", object{"CollectionName": "from_go"})
	check("list the indexes", told(listed["TotalCount"], err), "1 <nil>")

	rows := []object{}
	for n := 1; n <= 3; n++ {
		rows = append(rows, object{"id": n, "score": 92.65, "vector": []float64{float64(n), 0, 0, 1}})
	}
	stored := result("data/upsert", inCollection(object{"data": rows, "async": false}))
	check("upsert", stored["token_usage"] != nil, true)
	fetched := result("data/fetch_in_collection", inCollection(object{"ids": []any{"2", 9}}))
	row := fetched["fetch"].([]any)[0].(object)
	check("fetch", row["fields"].(object)["score"].(float64) == 92.65, true)
	check("missing", fetched["ids_not_exist"], []any{9})
	found := result("data/search/vector", inIndex(object{"dense_vector": []float64{1, 0, 0, 0}, "limit": 2}))
	hit := found["data"].([]any)[0].(object)
	check("search", told(hit["id"], hit["score"], found["total_return_count"]), "3 3 2")
	within := object{"op": "must", "field": "id", "conds": []int{1}}
	found = result("data/search/random", inIndex(object{"filter": within}))
	check("filter", len(found["data"].([]any)), 1)
	counted := result("data/agg", inIndex(object{"op": "count", "field": nil}))
	check("aggregate", counted["agg"], object{"__TOTAL__": 3})

	status, answer := ask("data/upsert", inCollection(object{"data": []object{{"id": "x"}}}), secretKey)
	check("wrong row", told(status, answer["code"]), "400 InvalidParameter")
	status, answer = ask("data/fetch_in_collection", inCollection(object{"ids": []int{1}}), "guess")
	check("wrong secret", told(status, answer["code"]), "401 SignatureDoesNotMatch")

	result("data/delete", inCollection(object{"ids": nil, "del_all": true}))
	_, err = manage("DeleteVikingdbIndex", object{"CollectionName": "from_go", "IndexName": "by_go"})
	check("delete the index", err, nil)
	_, err = manage("DeleteVikingdbCollection", object{"CollectionName": "from_go"})
	check("delete the collection", err, nil)
}
