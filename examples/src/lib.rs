//! Programs to copy from. `src/bin` holds them; here is what several of them start.

pub mod playground;
pub mod shop;
