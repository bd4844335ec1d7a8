//! Bad input: each with its clear error and exit code.
