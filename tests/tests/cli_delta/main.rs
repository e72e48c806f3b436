//! Delta repositories, from the program and from the library: every recorded moment comes back as it was.
mod base;
mod create;
mod hostile;
mod lines;
mod look;
mod place;
mod prune;
mod restore;
mod slots;
