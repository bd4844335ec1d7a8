//! Server and client over a wire that loses, doubles and reorders: the file arrives whole, or somebody says why not.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::client::{Client, Manner};
use super::*;

/// What may happen to datagrams, in percent.
#[derive(Clone, Copy, Debug)]
struct Wire {
    lost: u32,
    doubled: u32,
    late: u32,
}

/// On its way.
enum Datagram {
    Answer,
    Block(u64),
    Ack(u16),
}

/// How long the client waits before it acknowledges again what it has.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

struct Story {
    /// What is under way, by the time of its arrival and the order in which it was sent.
    under_way: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
    random: u64,
    wire: Wire,
}

impl Story {
    /// A number below 100 (xorshift64, so that a story can be told again).
    fn percent(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as u32 % 100
    }

    fn send(&mut self, now: Instant, datagram: impl Fn() -> Datagram) {
        let copies = if self.percent() < self.wire.doubled { 2 } else { 1 };
        for _ in 0..copies {
            if self.percent() < self.wire.lost {
                continue;
            }
            let late = if self.percent() < self.wire.late { self.percent() } else { 0 };
            self.sent += 1;
            self.under_way.insert((now + MS + MS / 20 * late, self.sent), datagram());
        }
    }

    fn act(&mut self, action: &Action, now: Instant) {
        match action {
            Action::Send(blocks) => blocks.clone().for_each(|block| self.send(now, || Datagram::Block(block))),
            Action::SendAnswer => self.send(now, || Datagram::Answer),
            Action::Wait | Action::End(_) => {}
        }
    }
}

/// What the client has in the end, how the server says that it ended, and how many blocks were sent again.
fn play(file: &[u8], terms: &Terms, manner: Manner, wire: Wire, seed: u64) -> (Client, Ending, u64) {
    let mut now = Instant::now();
    let mut story = Story { under_way: BTreeMap::new(), sent: 0, random: seed | 1, wire };
    let mut client = Client::new(terms.block_size, terms.window, manner);
    let mut client_deadline = now + CLIENT_TIMEOUT;
    let (mut server, first) = Transfer::begin(file.len() as u64, terms, now);
    story.act(&first, now);
    loop {
        let arrival = story.under_way.first_key_value().map(|((at, _), _)| *at);
        let next = [arrival, Some(server.deadline()), Some(client_deadline)].into_iter().flatten().min().unwrap();
        now = next.max(now);
        let action = if arrival == Some(next) {
            match story.under_way.pop_first().unwrap().1 {
                Datagram::Ack(block) => server.on_reply(Reply::Ack(block), now),
                Datagram::Answer => {
                    story.send(now, || Datagram::Ack(0));
                    Action::Wait
                }
                Datagram::Block(block) => {
                    let size = usize::from(terms.block_size);
                    let start = (block - 1) as usize * size;
                    let data = &file[start..(start + size).min(file.len())];
                    if let Some(ack) = client.take(block as u16, data) {
                        story.send(now, || Datagram::Ack(ack));
                    }
                    client_deadline = now + CLIENT_TIMEOUT;
                    Action::Wait
                }
            }
        } else if next == client_deadline {
            client_deadline = now + CLIENT_TIMEOUT;
            let ack = client.acknowledge();
            if ack > 0 || client.is_done {
                story.send(now, || Datagram::Ack(ack));
            }
            Action::Wait
        } else {
            server.on_deadline(now)
        };
        story.act(&action, now);
        if let Action::End(ending) = action {
            return (client, ending, server.resent());
        }
    }
}

fn file(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7 + index / 251) as u8).collect()
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![Just(Manner::Eager), Just(Manner::Once)]
}

proptest! {
    #[test]
    fn a_file_arrives_whole_over_a_bad_wire(
        len in 0..40_000_usize, block_size in 8..1500_u16, window in 1..=64_u16, manner in manner(), options: bool,
        lost in 0..20_u32, doubled in 0..20_u32, late in 0..20_u32, seed: u64,
    ) {
        let terms = if options { with_options(terms(block_size, window)) } else { terms(block_size, window) };
        let file = file(len);
        let (client, ending, _) = play(&file, &terms, manner, Wire { lost, doubled, late }, seed);
        prop_assert_eq!(ending, Ending::Done);
        prop_assert!(client.is_done && client.bytes == file, "{} of {len} bytes", client.bytes.len());
    }

    #[test]
    fn over_a_wire_that_loses_almost_all_somebody_says_why_not(
        len in 0..20_000_usize, window in 1..=64_u16, manner in manner(), lost in 60..=100_u32, seed: u64,
    ) {
        let file = file(len);
        let (client, ending, _) = play(&file, &terms(512, window), manner, Wire { lost, doubled: 5, late: 5 }, seed);
        match ending {
            Ending::Done => prop_assert!(client.bytes == file),
            Ending::Failed(why) => prop_assert!(why.contains("acknowledge"), "{why}"),
            Ending::Probe => prop_assert!(false, "nobody aborted"),
        }
    }

    #[test]
    fn a_good_wire_carries_each_block_once(len in 0..40_000_usize, window in 1..=64_u16, manner in manner(), seed: u64) {
        let wire = Wire { lost: 0, doubled: 0, late: 0 };
        let (_, ending, resent) = play(&file(len), &terms(512, window), manner, wire, seed);
        prop_assert_eq!((ending, resent), (Ending::Done, 0));
    }

    #[test]
    fn doubled_acknowledgements_double_nothing_where_the_window_is_one_block(len in 0..40_000_usize, seed: u64) {
        let wire = Wire { lost: 0, doubled: 100, late: 50 };
        let (client, ending, resent) = play(&file(len), &terms(512, 1), Manner::Eager, wire, seed);
        prop_assert_eq!((ending, resent), (Ending::Done, 0));
        prop_assert_eq!(client.bytes.len(), len);
    }
}
