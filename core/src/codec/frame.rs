//! The light codec of log frames.
