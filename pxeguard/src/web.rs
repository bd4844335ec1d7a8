//! The HTTP server of those who look: `/metrics`, the API with its stream of events, and the page.
//!
//! It runs on a thread of its own, and asks the daemon's one task, one question at a time: whoever looks, or pretends to,
//! takes from the guard the time of those answers and no more.  Nobody has to say who he is to read.  To change something
//! takes the token, which root finds beside the control socket ([`Token`]).

mod api;
mod events;
mod gate;
mod listener;
mod page;
mod questions;
mod rows;
mod schema;
mod server;
mod token;

pub use listener::{ListenError, WebListener};
pub use questions::Questions;
pub use server::{Settings, serve};
pub use token::{Token, TokenError, read_token};

#[cfg(test)]
mod tests;
