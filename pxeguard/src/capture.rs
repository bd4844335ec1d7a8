//! DHCP and PXE frames with what became of them: the flight recorder of the daemon, and the file that others write from it.

mod command;
mod frame;
mod output;
mod recorder;

pub use command::{ASK_EVERY, run};
pub use frame::{Direction, Frame, with_vlan};
pub use recorder::{Frames, MAX_BYTES, MAX_FRAMES, Recorder};
