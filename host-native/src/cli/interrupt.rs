//! Ctrl-C: the program ends at once, and takes the file it was writing with it.
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

/// Exit status of a program that was interrupted, as shells give it.
const INTERRUPTED: i32 = 130;

static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);
static HANDLER: Once = Once::new();

/// From now on an interruption deletes `path`. There is one such file at a time.
pub(super) fn remove_on_interrupt(path: &Path) {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_path_buf());
    HANDLER.call_once(|| {
        // Without the handler an interruption leaves the temporary file: a nuisance, not a loss.
        let _ = ctrlc::set_handler(|| {
            if let Some(path) = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let _ = std::fs::remove_file(path);
            }
            std::process::exit(INTERRUPTED);
        });
    });
}

/// The file has its name, or is deleted: it is no longer ours to remove.
pub(super) fn keep() {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take();
}
