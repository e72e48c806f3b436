//! Encrypted backups, from the program and from the library: nothing of a database can be read without the key, and
//! everything comes back with it.
mod again;
mod by_hand;
mod damage;
mod errors;
mod history;
#[expect(dead_code, reason = "the place of the tests of delta repositories, of which less is needed here")]
#[path = "../cli_delta/place.rs"]
mod place;
mod salvage;
mod sealed;
