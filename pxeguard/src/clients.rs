//! Who boots: what each client asked for, what it was answered, and how far it came.

mod step;

pub use step::{Ending, Observer, Step, TransferId};
