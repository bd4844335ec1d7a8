//! The terminal: taken over, and given back however it ends.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::app::{App, Effect};
use super::asker::{Asker, Heard};
use super::theme::Theme;
use super::view;
use crate::cli::ControlArgs;
use crate::signals::Signals;
use crate::time::Timestamp;

/// How often it is drawn though nothing has happened: ages grow.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// Shows the running daemon until a key or a signal ends it.
pub fn run(args: &ControlArgs) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("watch needs a terminal; for scripts there are pxeguard status, servers, clients and ports with --json");
    }
    let (overview, asker) = Asker::start(args.control.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    // It also gives the terminal back when the program panics.
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let ended = runtime.block_on(show(&mut terminal, App::new(overview), asker));
    let restored = ratatui::try_restore().context("cannot give the terminal back");
    ended.and(restored)
}

async fn show(terminal: &mut DefaultTerminal, mut app: App, mut asker: Asker) -> anyhow::Result<()> {
    let mut signals = Signals::open().context("cannot wait for signals")?;
    let theme = Theme::of_environment();
    let mut events = read_events();
    let mut timer = interval(DRAW_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        terminal.draw(|frame| view::draw(&app, theme, Timestamp::now(), frame)).context("cannot draw")?;
        tokio::select! {
            () = signals.any() => return Ok(()),
            event = events.recv() => {
                // A terminal of another size is drawn anew.
                let Event::Key(key) = event.context("the terminal is gone")? else { continue };
                match app.on_key(key) {
                    Effect::Draw => {}
                    Effect::Quit => return Ok(()),
                    // The thread ends only after us.
                    Effect::Explain(mac) => drop(asker.about.send(mac)),
                }
            }
            Some(heard) = asker.heard.recv() => match heard {
                Heard::Overview(Ok(overview)) => app.on_overview(*overview),
                Heard::Overview(Err(why)) => app.on_gone(why, Timestamp::now()),
                Heard::Explained(mac, told) => app.on_explained(mac, told),
            },
            _ = timer.tick() => {}
        }
    }
}

/// Keys and changes of the size, read by a thread that ends with the process; the end of the terminal is the channel's.
fn read_events() -> UnboundedReceiver<Event> {
    let (tell, events) = unbounded_channel();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if tell.send(event).is_err() {
                return;
            }
        }
    });
    events
}
