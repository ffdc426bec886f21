//! Customers' own HTML, made safe before it is stored: other systems show it to learners as it is, and the peer stores scripts.

use std::{collections::HashSet, sync::LazyLock};

use ammonia::Builder;
use url::Url;

/// The schemes of links.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

static RULES: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut rules = Builder::empty();
    rules
        .add_tags(["a", "br", "em", "h2", "h3", "h4", "li", "ol", "p", "span", "strong", "b", "i", "ul"])
        .add_tag_attributes("a", ["href", "title"])
        .url_schemes(HashSet::from(SCHEMES))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .link_rel(Some("nofollow"));
    rules
});

/// The text without what could run or be loaded. Links keep where they lead to, paragraphs stay paragraphs. Text that was made safe
/// stays as it is.
pub fn html(text: &str) -> String {
    RULES.clean(text).to_string()
}

/// The address of a button; none if it would run a script.
pub fn address(text: String) -> Option<String> {
    match Url::parse(&text) {
        Ok(url) if !SCHEMES.contains(&url.scheme()) => None,
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paragraphs_stay_and_scripts_go() {
        let given = "<p onclick=\"x()\">Bye, <a href=\"https://example.com/?a=1&b=2\" target=\"_top\">renew</a></p>\
                     <script>steal()</script><img src=x onerror=steal()><a href=\"javascript:steal()\">here</a>\
                     <h2>More</h2><style>p{}</style><a href=\"mailto:help@example.com\">mail</a>";
        let clean = html(given);
        for gone in ["script", "steal", "onclick", "onerror", "img", "style", "target"] {
            assert!(!clean.contains(gone), "{gone}: {clean}");
        }
        for kept in [
            "<p>Bye, ",
            "href=\"https://example.com/?a=1&amp;b=2\"",
            ">renew</a>",
            "<h2>More</h2>",
            "href=\"mailto:help@example.com\"",
            "rel=\"nofollow\"",
        ] {
            assert!(clean.contains(kept), "{kept}: {clean}");
        }
        assert_eq!(html(&clean), clean);
        assert_eq!(html("<p>Bye</p>"), "<p>Bye</p>");
    }

    #[test]
    fn a_button_leads_somewhere_and_runs_nothing() {
        for (given, is_kept) in [
            ("https://example.com/", true),
            ("/renew", true),
            ("mailto:help@example.com", true),
            ("javascript:steal()", false),
            (" JavaScript:steal()", false),
            ("java\nscript:steal()", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(address(given.to_owned()).is_some(), is_kept, "{given}");
        }
    }
}
