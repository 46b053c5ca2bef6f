"""The API gateway (ingest, pull and query API). Not built yet: its issue fills this part; nothing here is callable."""
