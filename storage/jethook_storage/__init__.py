"""The storage service (history, queries, migrations). Not built yet: its issue fills this part; nothing is callable."""
