"""What crosses a process border: events, subjects, names, plan, attempts, members and status records.

Here live the records that one Jethook process writes and another reads, and the names under which NATS keeps them.
What every process does alike is here too: open the NATS connection (`connection.py`), write a log (`logs.py`),
show metrics and probes (`monitoring.py`, `metrics.py`).
No decision, no other I/O. Every other part imports this one; it imports none of them.
"""
