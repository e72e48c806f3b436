//! Turn: one task at a time, in the order in which they asked. There are no threads here, but there is waiting.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Held by one task at a time.
#[derive(Default)]
pub(crate) struct Turn {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Number of the task that has the turn, and of the next one that asks.
    serving: u64,
    next: u64,
    /// Tasks that wait, and those that gave up waiting.
    waiting: VecDeque<(u64, Waker)>,
    gone: Vec<u64>,
}

/// The turn, until it is dropped.
pub(crate) struct Held<'a>(&'a Turn);

/// A place in the queue; dropped without its turn it lets the others pass.
struct Place<'a> {
    turn: &'a Turn,
    number: u64,
    is_served: bool,
}

impl Turn {
    /// True while a task has it.
    pub(crate) fn is_taken(&self) -> bool {
        let state = self.state.borrow();
        state.serving < state.next
    }

    /// Waits for the turn.
    pub(crate) async fn take(&self) -> Held<'_> {
        let number = {
            let mut state = self.state.borrow_mut();
            state.next += 1;
            state.next - 1
        };
        let mut place = Place { turn: self, number, is_served: false };
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.serving == number {
                return Poll::Ready(());
            }
            state.waiting.retain(|(waiting, _)| *waiting != number);
            state.waiting.push_back((number, context.waker().clone()));
            Poll::Pending
        })
        .await;
        place.is_served = true;
        Held(self)
    }

    fn pass_on(&self) {
        let mut state = self.state.borrow_mut();
        state.serving += 1;
        while let Some(index) = state.gone.iter().position(|gone| *gone == state.serving) {
            state.gone.swap_remove(index);
            state.serving += 1;
        }
        let serving = state.serving;
        let next = state.waiting.iter().position(|(number, _)| *number == serving);
        if let Some((_, waker)) = next.and_then(|index| state.waiting.remove(index)) {
            drop(state);
            waker.wake();
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_served {
            return;
        }
        let is_next = self.turn.state.borrow().serving == self.number;
        match is_next {
            true => self.turn.pass_on(),
            false => {
                let mut state = self.turn.state.borrow_mut();
                state.waiting.retain(|(number, _)| *number != self.number);
                state.gone.push(self.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    #[test]
    fn the_turn_goes_on_in_order_and_past_whoever_gave_up() {
        let turn = Turn::default();
        let mut context = Context::from_waker(Waker::noop());
        let first = match pin!(turn.take()).poll(&mut context) {
            Poll::Ready(held) => held,
            Poll::Pending => panic!("nobody has it"),
        };
        let mut second = Box::pin(turn.take());
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut third = Box::pin(turn.take());
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(second);
        assert!(third.as_mut().poll(&mut context).is_pending(), "the first still has it");
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
}
