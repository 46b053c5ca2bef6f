"""`jethook operator` and `jethook dispatcher`: the two processes of an installation."""
