//! The HTTP server of boot files.
