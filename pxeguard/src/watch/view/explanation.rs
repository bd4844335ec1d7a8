//! Why a client boots or not, in lines.

use ratatui::text::{Line, Span};

use crate::report::{Explanation, Likelihood, Outcome, printable};
use crate::time::Timestamp;
use crate::watch::theme::{Theme, Tone};

/// The lines, or that they are not there yet.
pub fn lines<'a>(told: Option<&Result<Box<Explanation>, String>>, theme: Theme, now: Timestamp) -> Vec<Line<'a>> {
    match told {
        None => vec![Line::styled("asking ...", theme.style(Tone::Dim))],
        Some(Err(why)) => vec![Line::styled(printable(why), theme.style(Tone::Bad))],
        Some(Ok(told)) => explained(told, theme, now),
    }
}

fn explained<'a>(told: &Explanation, theme: Theme, now: Timestamp) -> Vec<Line<'a>> {
    let tone = match told.outcome {
        Outcome::Booted => Tone::Good,
        Outcome::UnderWay => Tone::Busy,
        Outcome::Failed => Tone::Bad,
        Outcome::Unknown => Tone::Warn,
    };
    let mut lines = vec![Line::styled(printable(&told.verdict), theme.style(tone))];
    for cause in &told.causes {
        let sure = match cause.likelihood {
            Likelihood::Certain => "certain",
            Likelihood::Likely => "likely",
            Likelihood::Possible => "possible",
        };
        lines.push(Line::default());
        lines.push(Line::from(vec![
            Span::styled(format!("{sure}: "), theme.style(Tone::Head)),
            Span::raw(printable(&cause.what)),
        ]));
        lines.extend(cause.evidence.iter().map(|seen| Line::raw(format!("  - {}", printable(seen)))));
        lines
            .push(Line::from(vec![Span::styled("  do: ", theme.style(Tone::Head)), Span::raw(printable(&cause.next))]));
    }
    for attempt in &told.attempts {
        lines.push(Line::default());
        lines.push(Line::styled(format!("Boot of {}", attempt.began.ago(now)), theme.style(Tone::Head)));
        for step in &attempt.steps {
            let after = step.at.0.duration_since(attempt.began.0).unwrap_or_default().as_secs_f64();
            let times = if step.times > 1 { format!(" ({} times)", step.times) } else { String::new() };
            let text = format!("{after:9.3} s  {:<10} {}{times}", printable(&step.who), printable(&step.what));
            lines.push(Line::styled(text, theme.style(if step.is_trouble { Tone::Bad } else { Tone::Plain })));
        }
        if attempt.left_out > 0 {
            lines.push(Line::styled(format!("            ... {} more", attempt.left_out), theme.style(Tone::Dim)));
        }
    }
    lines
}
