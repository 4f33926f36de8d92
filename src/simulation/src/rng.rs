//! Seeded chance, and which seeds.

use std::ops::Range;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, and good enough to pick faults.
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// Those that `NANOCLAW_SEEDS=5000..9000` asks for, or the usual ones.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let asked = std::env::var("NANOCLAW_SEEDS").ok();
    let range = asked.as_deref().and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    range.unwrap_or(usual)
}
