//! Real servers and real clients: who gets whose lease.
