//! Real HTTP clients fetch files.

mod fetch;
mod load;
mod refusals;
mod scene;
