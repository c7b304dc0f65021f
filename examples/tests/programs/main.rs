//! The programs, run as they are, and bought from by an agent on a chain of this process.

#![cfg(test)]

mod dynamic;
mod files;
mod market;
mod playground;
mod price_list;
mod shops;
mod tokens;
