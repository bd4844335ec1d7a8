//! The page, in a real browser; and the server behind it before a crowd.

mod boots;
mod browser;
mod crowd;
mod looks;
mod machine;
mod rogue;
mod scene;
mod views;
mod writes;

use std::sync::RwLock;
use std::time::Duration;

/// How long anything may take that is awaited.
const SOON: Duration = Duration::from_secs(20);
/// Whoever measures how much of the CPUs something takes, or how late it is, has them for itself.
static MACHINE: RwLock<()> = RwLock::new(());
