"""What crosses a process border: events, subjects, names, plan, attempts, members and status records.

Here live the records that one Jethook process writes and another reads, and the names under which NATS keeps them.
No decision, no retry, no I/O beyond opening the NATS connection (`connection.py`). Every other part imports this one;
it imports none of them.
"""
