//! A listing, page after page, as one sequence that is checked on the way.
use super::{Destination, ObjectMeta, ObjectName, PAGE_OBJECTS_MAX};
use crate::error::{Error, Result};
use std::collections::VecDeque;

/// The objects below `folder` (all without one), in order of name. An order or a cursor that does not go on is `Damaged`:
/// no destination can make this endless or give a name twice. After an error it ends.
pub fn objects<'a>(destination: &'a dyn Destination, folder: Option<&ObjectName>) -> Objects<'a> {
    Objects {
        destination,
        folder: folder.cloned(),
        waiting: VecDeque::new(),
        cursor: None,
        last: None,
        empty_pages: 0,
        ended: false,
    }
}

/// See [`objects`].
pub struct Objects<'a> {
    destination: &'a dyn Destination,
    folder: Option<ObjectName>,
    waiting: VecDeque<ObjectMeta>,
    cursor: Option<String>,
    last: Option<ObjectName>,
    empty_pages: u32,
    ended: bool,
}

/// Pages without an object that may follow each other. Stores that filter give some.
const EMPTY_PAGES_MAX: u32 = 10_000;

impl Objects<'_> {
    fn turn_page(&mut self) -> Result<()> {
        let page = self.destination.list(self.folder.as_ref(), self.cursor.as_deref(), PAGE_OBJECTS_MAX)?;
        self.empty_pages = if page.objects.is_empty() { self.empty_pages + 1 } else { 0 };
        let stuck = page.next.is_some() && (page.next == self.cursor || self.empty_pages > EMPTY_PAGES_MAX);
        if stuck || page.objects.len() > PAGE_OBJECTS_MAX {
            return Err(self.broken("its pages do not go on"));
        }
        self.ended = page.next.is_none();
        self.cursor = page.next;
        self.waiting = page.objects.into();
        Ok(())
    }

    fn next_checked(&mut self) -> Result<Option<ObjectMeta>> {
        while self.waiting.is_empty() && !self.ended {
            self.turn_page()?;
        }
        let Some(object) = self.waiting.pop_front() else { return Ok(None) };
        if self.last.as_ref().is_some_and(|last| *last >= object.name) {
            return Err(self.broken(&format!("{} comes out of order", object.name)));
        }
        if self.folder.as_ref().is_some_and(|folder| !object.name.is_below(folder)) {
            return Err(self.broken(&format!("{} was not asked for", object.name)));
        }
        self.last = Some(object.name.clone());
        Ok(Some(object))
    }

    fn broken(&self, what: &str) -> Error {
        Error::damaged(format!("the listing of this destination can't be used: {what}"))
            .at(self.destination.place())
    }
}

impl Iterator for Objects<'_> {
    type Item = Result<ObjectMeta>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_checked();
        if next.is_err() {
            self.ended = true;
            self.waiting.clear();
        }
        next.transpose()
    }
}
