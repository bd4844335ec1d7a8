//! What pxeguard's kernel programs, daemon, tests and fuzzers share.
#![no_std]
