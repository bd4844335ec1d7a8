//! `pxeguard watch`: what the running daemon sees, live in a terminal.
//!
//! `app` is the state, and knows neither terminal nor daemon; `view` draws it; `screen` owns the terminal, and `asker` a thread
//! that asks the daemon.

mod app;
mod asker;
mod filter;
mod panel;
mod rates;
mod screen;
#[cfg(test)]
mod tests;
mod theme;
mod view;

pub use screen::run;
