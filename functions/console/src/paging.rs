//! Pages of lists.

use license_domain::AgreementId;

use crate::form::Query;

/// The link to the next page of a list.
#[derive(Debug)]
pub struct Next {
    pub href: String,
    pub text: &'static str,
}

impl Next {
    /// A link with these parameters.
    pub fn new(path: &str, parameters: &[(&str, &str)], text: &'static str) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        Self { href: format!("{path}?{query}"), text }
    }

    /// The same link, to that part of the page.
    #[must_use]
    pub fn at(self, part: &str) -> Self {
        Self { href: format!("{}#{part}", self.href), ..self }
    }
}

/// The part of the agreements behind the one that `after` names, and whether there are more behind that.
pub fn agreements<'a>(all: &'a [AgreementId], query: &Query, count: usize) -> (&'a [AgreementId], Option<AgreementId>) {
    let after: Option<AgreementId> = query.get("after").and_then(|id| id.parse().ok());
    let begin = after.map_or(0, |after| all.partition_point(|id| *id <= after));
    let part = &all[begin..all.len().min(begin + count)];
    (part, part.last().copied().filter(|_| begin + part.len() < all.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    #[test]
    fn each_agreement_is_on_one_page() {
        let id = |n: u8| format!("00000000-0000-4000-8000-00000000000{n}").parse().expect("a UUID");
        let all: Vec<AgreementId> = (1..=5).map(id).collect();
        let (mut seen, mut query) = (Vec::new(), Query::default());
        loop {
            let (part, next) = agreements(&all, &query, 2);
            seen.extend_from_slice(part);
            let Some(next) = next else { break };
            query = Query::from(Form::parse(format!("after={next}").as_bytes()));
        }
        assert_eq!(seen, all);
    }
}
