"""Pure rules of delivery. Time and randomness are arguments; nothing here opens a socket, reads a clock or logs."""
