//! Schedules in a program: what runs when, who is told, and which numbers are left. The clock is the test's.
mod metrics;
mod place;
mod times;
mod told;
