//! Values of one quantity, and what they say together.

use anyhow::Result;

/// Values of one quantity, in the order in which they were measured.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Between which the middle half of the values lies.
    pub fn quartiles(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    /// Between which the median of all values that could be measured lies, with 95 % certainty.
    ///
    /// By ranks (a sign test turned round), so that it asks for no distribution; the whole range where they are few.
    pub fn median_interval(&self) -> (f64, f64) {
        let (sorted, count) = (self.sorted(), self.0.len() as f64);
        let low = ((count / 2.0 - 0.98 * count.sqrt()).floor() as usize).saturating_sub(1);
        (sorted[low], sorted[sorted.len() - 1 - low])
    }

    /// Each value divided by the peer's of the same round.
    pub fn over(&self, peer: &Self) -> Self {
        Self(self.0.iter().zip(&peer.0).map(|(ours, theirs)| ours / theirs).collect())
    }

    fn quantile(&self, part: f64) -> f64 {
        let sorted = self.sorted();
        let at = part * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        below + (above - below) * at.fract()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Samples {
    /// # Panics
    /// If there is no value at all.
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        assert!(!values.is_empty(), "no value was measured");
        Self(values)
    }
}

/// Measures each contender once a round, forwards and backwards by turns: what changes slowly concerns all alike, and
/// the last of one round, which is in place, is the first of the next.
pub fn in_turns<const N: usize>(rounds: usize, mut measure: impl FnMut(usize) -> Result<f64>) -> Result<[Samples; N]> {
    let mut values = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let contender = if round % 2 == 0 { turn } else { N - 1 - turn };
            values[contender].push(measure(contender)?);
        }
    }
    Ok(values.map(Samples::from_iter))
}
