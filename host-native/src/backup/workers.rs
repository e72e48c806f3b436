//! Several things at a time, in a bounded number of threads that end before the call returns.
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Requests that are made of a destination at a time.
pub(super) const FETCHES_MAX: usize = 4;

/// Does `work` for every item, up to `threads` at a time, and answers in the order of the items. The first error ends it: nothing
/// is begun after it.
pub(super) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((Vec::with_capacity(items.len()), None::<Error>));
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(item);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(result) => done.0.push((index, result)),
                Err(error) => {
                    next.store(items.len(), Ordering::Relaxed);
                    done.1.get_or_insert(error);
                }
            }
        }
    };
    match threads.min(items.len()) {
        0 | 1 => run(),
        threads => std::thread::scope(|scope| {
            let begun = (1..threads)
                .map_while(|_| {
                    std::thread::Builder::new().name("chronicle-fetch".into()).spawn_scoped(scope, run).ok()
                })
                .collect::<Vec<_>>();
            run();
            drop(begun);
        }),
    }
    let (mut results, error) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = error {
        return Err(error);
    }
    if results.len() != items.len() {
        return Err(Error::new(ErrorKind::Io, "a thread that fetches failed"));
    }
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_the_first_error_ends_it() {
        let items: Vec<usize> = (0..1_000).collect();
        for threads in [1, 4] {
            let answers = side_by_side(&items, threads, |item| Ok(item * 2)).unwrap();
            assert!(answers.iter().enumerate().all(|(index, answer)| *answer == index * 2));
            let begun = AtomicUsize::new(0);
            let error = side_by_side(&items, threads, |item| {
                begun.fetch_add(1, Ordering::Relaxed);
                if *item == 10 { Err(Error::invalid("ten")) } else { Ok(()) }
            });
            assert_eq!(error.unwrap_err().message(), "ten");
            assert!(begun.into_inner() <= 11 + threads);
        }
        assert!(side_by_side(&[] as &[u8], 4, |_| Ok(())).unwrap().is_empty());
    }
}
