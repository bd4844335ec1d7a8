//! The daemon's life: ports that come and go, restarts, upgrades, the end.
