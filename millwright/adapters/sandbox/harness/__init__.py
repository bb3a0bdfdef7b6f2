"""The code that runs inside the sandbox, beside the untrusted code.

The driver never imports it: it compiles these modules and sends them into the child. They import nothing outside the
standard library and each other.
"""
