//! One client's connection. Start with `life`, which is its one future; `greeting` comes before everything else.

mod end;
mod greeting;
mod life;
mod node;
mod opening;
mod welcome;

#[cfg(test)]
pub(super) use life::REQUESTS_PER_CLIENT_MIN;
