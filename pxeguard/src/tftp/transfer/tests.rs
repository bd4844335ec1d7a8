use super::*;

mod client;
mod hostile_wire;

const MS: Duration = Duration::from_millis(1);

fn terms(block_size: u16, window: u16) -> Terms {
    Terms { block_size, window, timeout: None, is_size_asked: false, answer: None }
}

fn with_options(terms: Terms) -> Terms {
    Terms { is_size_asked: true, answer: Some(Vec::new()), ..terms }
}

fn ack(transfer: &mut Transfer, block: u16, now: Instant) -> Action {
    transfer.on_reply(Reply::Ack(block), now)
}

fn error(transfer: &mut Transfer, text: &[u8], now: Instant) -> Action {
    transfer.on_reply(Reply::Error { code: 8, text }, now)
}

#[test]
fn without_options_it_begins_with_the_first_block() {
    let now = Instant::now();
    let (mut transfer, first) = Transfer::begin(700, &terms(512, 1), now);
    assert_eq!(first, Action::Send(1..=1));
    assert_eq!(ack(&mut transfer, 1, now), Action::Send(2..=2));
    assert_eq!(ack(&mut transfer, 2, now), Action::End(Ending::Done));
    assert_eq!((transfer.acknowledged_bytes(), transfer.resent()), (700, 0));
}

#[test]
fn with_options_the_first_block_waits_for_their_acknowledgement() {
    let now = Instant::now();
    let (mut transfer, first) = Transfer::begin(700, &with_options(terms(512, 4)), now);
    assert_eq!(first, Action::SendAnswer);
    assert_eq!(ack(&mut transfer, 1, now), Action::Wait, "nothing was sent yet");
    assert_eq!(ack(&mut transfer, 0, now), Action::Send(1..=2));
}

#[test]
fn the_last_block_is_the_one_that_is_not_full() {
    for (len, blocks) in [(0, 1), (1, 1), (511, 1), (512, 2), (513, 2), (1024, 3)] {
        let now = Instant::now();
        let (mut transfer, first) = Transfer::begin(len, &terms(512, 64), now);
        assert_eq!(first, Action::Send(1..=blocks), "{len} bytes");
        assert_eq!(ack(&mut transfer, blocks as u16, now), Action::End(Ending::Done), "{len} bytes");
        assert_eq!(transfer.acknowledged_bytes(), len);
    }
}

#[test]
fn a_duplicate_acknowledgement_is_not_answered_where_the_window_is_one_block() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(10_000, &terms(512, 1), now);
    assert_eq!(ack(&mut transfer, 1, now), Action::Send(2..=2));
    for _ in 0..3 {
        assert_eq!(ack(&mut transfer, 1, now), Action::Wait);
    }
    assert_eq!(ack(&mut transfer, 2, now), Action::Send(3..=3));
    assert_eq!(ack(&mut transfer, 1, now), Action::Wait, "older ones neither");
}

#[test]
fn an_acknowledgement_inside_the_window_restarts_there() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(100_000, &terms(512, 8), now);
    assert_eq!(ack(&mut transfer, 3, now), Action::Send(4..=11));
    assert_eq!(transfer.resent(), 5);
    assert_eq!(ack(&mut transfer, 11, now), Action::Send(12..=19));
}

#[test]
fn a_window_whose_first_block_is_lost_is_sent_again_once() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(100_000, &terms(512, 4), now);
    assert_eq!(ack(&mut transfer, 4, now), Action::Send(5..=8));
    assert_eq!(ack(&mut transfer, 4, now), Action::Send(5..=8));
    // edk2 acknowledges block 4 for each of 6, 7 and 8.
    assert_eq!(ack(&mut transfer, 4, now), Action::Wait);
    assert_eq!(ack(&mut transfer, 4, now), Action::Wait);
    assert_eq!(ack(&mut transfer, 8, now), Action::Send(9..=12));
    // These may be of blocks that were under way twice.
    assert_eq!(ack(&mut transfer, 8, now), Action::Wait);
    assert_eq!(ack(&mut transfer, 12, now), Action::Send(13..=16));
    assert_eq!(ack(&mut transfer, 12, now), Action::Send(13..=16));
}

#[test]
fn block_numbers_begin_again_after_65535() {
    let now = Instant::now();
    let (mut transfer, mut action) = Transfer::begin(8 * 200_000, &terms(8, 64), now);
    let mut next = 1;
    while let Action::Send(blocks) = action {
        assert_eq!(*blocks.start(), next);
        next = blocks.end() + 1;
        action = ack(&mut transfer, *blocks.end() as u16, now);
    }
    assert_eq!((action, next), (Action::End(Ending::Done), 200_002));
}

#[test]
fn what_is_not_acknowledged_is_sent_again_ever_later_and_then_given_up() {
    let mut now = Instant::now();
    let begun = now;
    let (mut transfer, _) = Transfer::begin(5000, &terms(512, 2), now);
    let mut waits = Vec::new();
    let ending = loop {
        let wait = transfer.deadline() - now;
        assert_eq!(transfer.on_deadline(transfer.deadline() - MS), Action::Wait);
        now = transfer.deadline();
        waits.push(wait.as_secs());
        match transfer.on_deadline(now) {
            Action::Send(blocks) => assert_eq!(blocks, 1..=2),
            Action::End(ending) => break ending,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(waits[..5], [1, 2, 4, 5, 5]);
    assert_eq!(ending, Ending::Failed("no acknowledgement of block 1 for 42 s".to_owned()));
    assert_eq!((now - begun).as_secs(), 42);
    assert_eq!(transfer.resent(), 2 * (waits.len() as u64 - 1));
}

#[test]
fn an_answer_that_is_lost_is_sent_again() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(5000, &with_options(terms(512, 4)), now);
    let later = transfer.deadline();
    assert_eq!(transfer.on_deadline(later), Action::SendAnswer);
    assert_eq!(ack(&mut transfer, 0, later), Action::Send(1..=4));
    assert_eq!(ack(&mut transfer, 0, later), Action::Wait, "the client acknowledges each answer");
}

#[test]
fn a_client_that_repeats_itself_for_ever_is_given_up() {
    let mut now = Instant::now();
    let (mut transfer, _) = Transfer::begin(5000, &terms(512, 1), now);
    let ended = (0..100).any(|_| {
        now = transfer.deadline();
        ack(&mut transfer, 0, now);
        matches!(transfer.on_deadline(now), Action::End(_))
    });
    assert!(ended);
}

#[test]
fn a_client_that_goes_once_it_knows_the_size_has_only_probed() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(5000, &with_options(terms(512, 1)), now);
    assert_eq!(error(&mut transfer, b"User aborted the transfer", now), Action::End(Ending::Probe));
}

#[test]
fn a_client_that_goes_later_or_did_not_ask_for_the_size_has_failed() {
    let (now, full) = (Instant::now(), b"disk full");
    let failed = Action::End(Ending::Failed("client aborted: disk full".to_owned()));
    let (mut transfer, _) = Transfer::begin(5000, &with_options(terms(512, 1)), now);
    ack(&mut transfer, 0, now);
    assert_eq!(error(&mut transfer, full, now), failed);

    let no_size = Terms { is_size_asked: false, ..with_options(terms(512, 1)) };
    let (mut transfer, _) = Transfer::begin(5000, &no_size, now);
    assert_eq!(error(&mut transfer, full, now), failed);
}

#[test]
fn a_client_that_says_nothing_about_why_is_quoted_by_number() {
    let now = Instant::now();
    let (mut transfer, _) = Transfer::begin(5000, &terms(512, 1), now);
    assert_eq!(error(&mut transfer, b"", now), Action::End(Ending::Failed("client aborted: error 8".to_owned())));
}
