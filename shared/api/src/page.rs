//! Pages of a list: the number in the request, and the links to the pages before and after.

use license_domain::number::{to_u64, to_usize};
use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ApiError, Params,
    doc::{CURSOR, PAGE, PAGE_SIZE},
    origin,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageNumber {
    /// Counted from 1.
    Number(u64),
    Last,
}

/// The page that a request names, and the URL from which the links are made.
#[derive(Clone, Debug)]
pub struct PageQuery {
    address: String,
    params: Params,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let address = format!("{}{}", origin::of_request(parts), parts.uri.path());
        let params = Params::parse(parts.uri.query().unwrap_or_default());
        Ok(Self { address, params })
    }
}

impl PageQuery {
    /// The window of a list of `count` items for this page; 404 if there is no such page. `page_size` is limited to
    /// `max`, and is `default` if it is not a number.
    pub fn window(&self, count: u64, default: usize, max: usize) -> Result<Window, ApiError> {
        self.fixed_window(count, self.size(default, max))
    }

    /// `page_size`, limited to `max`; `default` if it is not a number.
    pub fn size(&self, default: usize, max: usize) -> usize {
        let asked = self.params.text(&PAGE_SIZE).and_then(|text| text.parse::<usize>().ok());
        asked.filter(|size| *size > 0).map_or(default, |size| size.min(max))
    }

    /// The parameters of the request.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The cursor, if the link contained one: the page is then read from there, without counting up to it. It is part
    /// of `next` and opaque for clients. 404 if it is malformed.
    pub fn cursor(&self) -> Result<Option<String>, ApiError> {
        let Some(cursor) = self.params.get(&CURSOR).filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Some).ok_or_else(ApiError::invalid_page)
    }

    /// As [`PageQuery::window`], for a page with a cursor: the page exists even if the list has become shorter.
    pub fn window_at_cursor(&self, count: u64, default: usize, max: usize) -> Result<Window, ApiError> {
        let place = self.window(u64::MAX, default, max)?;
        let pages = count.div_ceil(to_u64(place.size.max(1))).max(place.number);
        Ok(Window { pages, count, ..place })
    }

    /// As [`PageQuery::window`], for lists whose page size the client does not choose.
    pub fn fixed_window(&self, count: u64, size: usize) -> Result<Window, ApiError> {
        let pages = count.div_ceil(to_u64(size.max(1))).max(1);
        let number = match self.number()? {
            PageNumber::Last => pages,
            PageNumber::Number(number) if (1..=pages).contains(&number) => number,
            PageNumber::Number(_) => return Err(ApiError::invalid_page()),
        };
        Ok(Window { number, pages, size, count })
    }

    fn number(&self) -> Result<PageNumber, ApiError> {
        match self.params.text(&PAGE) {
            None => Ok(PageNumber::Number(1)),
            Some("last") => Ok(PageNumber::Last),
            Some(text) => text.parse().map(PageNumber::Number).map_err(|_| ApiError::invalid_page()),
        }
    }

    /// The URL of another page: the parameters sorted by name, without `page` for the first page.
    fn link(&self, number: u64, cursor: Option<&str>) -> String {
        let mut pairs: Vec<(&str, String)> = self
            .params
            .pairs()
            .iter()
            .filter(|(name, _)| name != PAGE.name && name != CURSOR.name)
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        if number > 1 {
            pairs.push((PAGE.name, number.to_string()));
        }
        pairs.extend(cursor.map(|cursor| (CURSOR.name, URL_SAFE_NO_PAD.encode(cursor))));
        if pairs.is_empty() {
            return self.address.clone();
        }
        pairs.sort_by(|a, b| a.0.cmp(b.0));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}?{query}", self.address)
    }
}

/// A range of a list's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub number: u64,
    /// How many pages there are; an empty list has one.
    pub pages: u64,
    pub size: usize,
    pub count: u64,
}

impl Window {
    pub fn offset(&self) -> u64 {
        (self.number - 1) * to_u64(self.size)
    }

    /// The link to the next page.
    pub fn next(&self, query: &PageQuery) -> Option<String> {
        self.next_at(query, None)
    }

    /// The link to the next page, with the cursor where it begins.
    pub fn next_at(&self, query: &PageQuery, cursor: Option<&str>) -> Option<String> {
        (self.number < self.pages).then(|| query.link(self.number + 1, cursor))
    }

    /// The link to the page before.
    pub fn previous(&self, query: &PageQuery) -> Option<String> {
        (self.number > 1).then(|| query.link(self.number - 1, None))
    }

    /// The items of the page, cut from a list in memory.
    pub fn of<T>(&self, items: Vec<T>) -> Vec<T> {
        let offset = to_usize(self.offset());
        items.into_iter().skip(offset).take(self.size).collect()
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

impl<T> Page<T> {
    pub fn new(query: &PageQuery, window: &Window, results: Vec<T>) -> Self {
        Self { count: window.count, next: window.next(query), previous: window.previous(query), results }
    }
}

/// A page of a list that is read from its beginning; it has no count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "WalkOf{T}")]
pub struct CursorQuery<T> {
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

impl<T> CursorQuery<T> {
    /// A page with these items. `cursor` names where the next page begins; none for the last page.
    pub fn new(query: &PageQuery, cursor: Option<&str>, results: Vec<T>) -> Self {
        Self { next: cursor.map(|cursor| query.link(1, Some(cursor))), previous: None, results }
    }
}

/// A page that says how many there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "NumberedPageOf{T}")]
pub struct NumberedPage<T> {
    #[serde(flatten)]
    page: Page<T>,
    num_pages: u64,
}

impl<T> NumberedPage<T> {
    pub fn new(query: &PageQuery, window: &Window, results: Vec<T>) -> Self {
        Self { page: Page::new(query, window, results), num_pages: window.pages }
    }

    /// A page whose successor begins at the cursor.
    #[must_use]
    pub fn followed_by(mut self, query: &PageQuery, window: &Window, cursor: Option<&str>) -> Self {
        self.page.next = window.next_at(query, cursor);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> PageQuery {
        PageQuery { address: "https://a.example/x/".to_owned(), params: Params::parse(text) }
    }

    #[test]
    fn neighbors_are_linked_with_sorted_parameters() {
        let query = query("status=a%2Cb&page=2&search=x+y&page_size=3");
        let window = query.window(9, 100, 500).expect("a page");
        assert_eq!((window.offset(), window.pages, window.size), (3, 3, 3));
        let link = |page: &str| Some(format!("https://a.example/x/?{page}page_size=3&search=x+y&status=a%2Cb"));
        assert_eq!(window.next(&query), link("page=3&"));
        assert_eq!(window.previous(&query), link(""));
        assert_eq!(window.of((0..9).collect()), [3, 4, 5]);
    }

    #[test]
    fn pages_beyond_the_end_are_404() {
        for (text, number) in
            [("", Some(1)), ("page=", Some(1)), ("page=last", Some(2)), ("page=2", Some(2)), ("page=3", None)]
        {
            assert_eq!(query(text).fixed_window(101, 100).ok().map(|window| window.number), number, "{text}");
        }
        for text in ["page=0", "page=-1", "page=x", "page=1.5"] {
            assert!(query(text).fixed_window(101, 100).is_err(), "{text}");
        }
        assert_eq!(query("").fixed_window(0, 100).ok().map(|window| window.pages), Some(1));
    }

    #[test]
    fn sizes_are_bounded_and_nonsense_is_the_default() {
        for (text, size) in [("page_size=5", 5), ("page_size=501", 500), ("page_size=0", 100), ("page_size=x", 100)] {
            assert_eq!(query(text).window(1, 100, 500).ok().map(|window| window.size), Some(size), "{text}");
        }
    }
}
