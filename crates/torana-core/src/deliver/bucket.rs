//! How fast messages may go out.

/// Millionths in one token.
const TOKEN_MICRO: u64 = 1_000_000;

/// Token bucket in whole numbers: tokens are counted in millionths and rates in thousandths per second, so that every
/// millisecond adds a whole number and virtual time gives exact results.
#[derive(Debug, Clone)]
pub struct Bucket {
    capacity_micro: u64,
    per_second_milli: u64,
    level_micro: u64,
    at_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub fn new(per_second: f64, burst: f64, now_ms: u64) -> Self {
        let milli = |value: f64| -> u64 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rates are small positive numbers"
            )]
            let whole = (value.clamp(0.001, 1e9) * 1000.0) as u64;
            whole.max(1)
        };
        let capacity_micro = milli(burst.max(1.0)).saturating_mul(1000);
        Self {
            capacity_micro,
            per_second_milli: milli(per_second),
            level_micro: capacity_micro,
            at_ms: now_ms,
        }
    }

    fn refill(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms);
        let gained = elapsed_ms.saturating_mul(self.per_second_milli);
        self.level_micro = self
            .level_micro
            .saturating_add(gained)
            .min(self.capacity_micro);
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Milliseconds until one token is there; 0 when it is.
    pub fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        TOKEN_MICRO
            .saturating_sub(self.level_micro)
            .div_ceil(self.per_second_milli)
    }

    /// Takes one token; call only after [`Bucket::wait_ms`] said 0.
    pub fn take(&mut self, now_ms: u64) {
        self.refill(now_ms);
        self.level_micro = self.level_micro.saturating_sub(TOKEN_MICRO);
    }
}
