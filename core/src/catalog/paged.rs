//! A list kept in catalog pages: an edit rewrites only the pages it touches.
//!
//! Copies share their pages, so a snapshot of a list is a few pointers. Which page holds an item has no meaning, except
//! that items close in time tend to share one, so that a ranged reader can pass pages over.
use crate::format::PageRef;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Items in pages. A page without a stored reference has to be written by the next checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct PagedList<T> {
    pages: Vec<Page<T>>,
    page_items_max: usize,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    /// What it holds.
    pub(crate) items: Arc<Vec<T>>,
    /// Where it lies, once it is written.
    pub(crate) stored: Option<PageRef>,
}

impl<T: Clone> PagedList<T> {
    /// An empty list whose pages hold at most `page_items_max` items.
    pub(crate) fn new(page_items_max: usize) -> Self {
        Self { pages: Vec::new(), page_items_max }
    }

    /// Adds a page as it was read.
    pub(crate) fn push_stored(&mut self, items: Vec<T>, stored: PageRef) {
        self.pages.push(Page { items: Arc::new(items), stored: Some(stored) });
    }

    /// Every item, page by page.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.pages.iter().flat_map(|page| page.items.iter())
    }

    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.pages.iter().map(|page| page.items.len()).sum()
    }

    /// The pages.
    pub(crate) fn pages(&self) -> &[Page<T>] {
        &self.pages
    }

    /// The pages, to note where they were written.
    pub(crate) fn pages_mut(&mut self) -> &mut [Page<T>] {
        &mut self.pages
    }

    /// Removes what `gone` names and adds `new`, in the order given. Returns the pages that are no longer part of the list.
    pub(crate) fn edit(&mut self, gone: impl Fn(&T) -> bool, new: Vec<T>) -> Vec<PageRef> {
        let mut freed = Vec::new();
        let mut pool = Vec::new();
        let (last, half) = (self.pages.len().saturating_sub(1), self.page_items_max / 2);
        let adds = !new.is_empty();
        let old = core::mem::take(&mut self.pages);
        for (index, page) in old.into_iter().enumerate() {
            let touched = page.items.iter().any(&gone);
            if touched || (adds && index == last && page.items.len() <= half) {
                freed.extend(page.stored);
                pool.extend(page.items.iter().filter(|item| !gone(item)).cloned());
            } else {
                self.pages.push(page);
            }
        }
        pool.extend(new);
        for items in pool.chunks(self.page_items_max) {
            self.pages.push(Page { items: Arc::new(items.to_vec()), stored: None });
        }
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn an_edit_leaves_untouched_pages_alone() {
        let mut list = PagedList::new(4);
        list.edit(|_| false, (0..16).collect());
        let shared = list.clone();
        list.edit(|&item| item == 5, vec![100]);
        let kept = list
            .pages()
            .iter()
            .filter(|page| shared.pages().iter().any(|old| Arc::ptr_eq(&old.items, &page.items)));
        assert_eq!(kept.count(), 3);
        let mut items: Vec<i32> = list.iter().copied().collect();
        items.sort_unstable();
        assert_eq!(items, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 100]);
        assert_eq!(shared.len(), 16, "a copy is not changed by an edit");
    }
}
