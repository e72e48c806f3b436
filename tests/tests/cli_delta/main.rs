//! Delta repositories, from the program and from the library: every recorded moment comes back as it was.
mod create;
mod look;
mod place;
mod prune;
mod restore;
mod slots;
