//! The guard, tested with real programs in namespaces.
