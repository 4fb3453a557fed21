"""The neutral vocabulary between the dialects and the databases: frozen data, no behaviour."""
