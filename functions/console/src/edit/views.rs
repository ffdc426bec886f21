//! The pages of a form: the form itself, its preview, and what is said when it is done.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde_json::Value;

use super::{
    Draft, Subject,
    complaints::Complaints,
    field::{Ask, Field, SEEN, Sent},
};
use crate::{
    Context,
    form::Form,
    guard::Operator,
    once,
    render::{Frame, page},
};

#[derive(Template)]
#[template(path = "edit_form.html")]
struct FormPage<'a> {
    frame: Frame,
    back: &'a (String, String),
    path: &'a str,
    version: &'a str,
    inputs: Vec<Input>,
    complaints: Vec<String>,
    conflicts: Vec<Conflict>,
    is_stale: bool,
}

#[derive(Template)]
#[template(path = "edit_preview.html")]
struct PreviewPage<'a> {
    frame: Frame,
    back: &'a (String, String),
    path: &'a str,
    is_new: bool,
    lines: Vec<Line>,
    consequences: &'a [String],
    hidden: Vec<(String, String)>,
    complaint: &'static str,
}

/// What is said when a form is done.
#[derive(Template)]
#[template(path = "edit_done.html")]
pub struct Done {
    pub frame: Frame,
    /// The page that shows what was created or changed.
    pub to: String,
}

/// A field as the form shows it.
struct Input {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: &'static str,
    value: String,
    options: Vec<Choice>,
    is_required: bool,
    seen: (String, String),
    complaints: Vec<String>,
}

struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// A field that was changed by another person, or by this one, or by both.
struct Conflict {
    label: &'static str,
    seen: String,
    there: String,
    wanted: String,
}

/// What changes in one field.
struct Line {
    label: &'static str,
    before: String,
    after: String,
}

/// The form: as it shows the thing first, or with what was typed. Where the thing was changed meanwhile, a field that this
/// person did not touch shows what it is now.
pub fn form_page(
    operator: &Operator,
    subject: &Subject,
    sent: Option<&Sent>,
    complaints: &Complaints,
    status: StatusCode,
) -> Response {
    let is_stale = sent.is_some_and(|sent| subject.is_stale(sent));
    let input = |field: &Field| {
        let there = subject.first(field);
        let value = match sent {
            Some(sent) if is_stale && sent.text(field.name) == sent.seen(field.name) => there.clone(),
            Some(sent) => sent.text(field.name).to_owned(),
            None => there.clone(),
        };
        Input::new(field, value, there, complaints)
    };
    let conflict = |field: &Field| {
        let sent = sent?;
        let (seen, there, wanted) = (sent.seen(field.name), subject.first(field), sent.text(field.name));
        let is_one = subject.values.contains_key(field.name) && (seen != there || seen != wanted);
        is_one.then(|| Conflict {
            label: field.label,
            seen: field.shown(seen),
            there: field.shown(&there),
            wanted: field.shown(wanted),
        })
    };
    let names: Vec<&str> = subject.fields.iter().map(|field| field.name).collect();
    let mut response = page(&FormPage {
        frame: Frame::of(operator, subject.title.clone()),
        back: &subject.back,
        path: &subject.path,
        version: subject.version.as_deref().unwrap_or_default(),
        inputs: subject.fields.iter().map(input).collect(),
        complaints: complaints.others(&names),
        conflicts: if is_stale { subject.fields.iter().filter_map(conflict).collect() } else { Vec::new() },
        is_stale,
    });
    *response.status_mut() = status;
    response
}

impl Input {
    fn new(field: &Field, value: String, there: String, complaints: &Complaints) -> Self {
        let kind = match field.ask {
            Ask::Line => "text",
            Ask::Text => "textarea",
            // What is no number, or no moment, stays in the form with its complaint, which browsers' own inputs do not allow.
            Ask::Number => "number",
            Ask::Moment => "datetime-local",
            Ask::YesNo => "checkbox",
            Ask::OneOf(_) => "select",
        };
        let Ask::OneOf(choices) = &field.ask else {
            return Self::of(field, kind, (value, there), Vec::new(), complaints);
        };
        let choice = |(choice, text): &(Value, String)| {
            let choice = field.text(choice);
            Choice { is_chosen: choice == value, value: choice, text: text.clone() }
        };
        let mut options: Vec<Choice> = choices.iter().map(choice).collect();
        if options.iter().all(|option| !option.is_chosen) && options.iter().all(|option| !option.value.is_empty()) {
            options.insert(0, Choice { value: value.clone(), text: value.clone(), is_chosen: true });
        }
        Self::of(field, kind, (value, there), options, complaints)
    }

    fn of(
        field: &Field,
        kind: &'static str,
        (value, there): (String, String),
        options: Vec<Choice>,
        complaints: &Complaints,
    ) -> Self {
        Self {
            name: field.name,
            label: field.label,
            help: field.help,
            kind,
            value,
            options,
            is_required: !field.is_nullable && kind != "checkbox",
            seen: (format!("{SEEN}{}", field.name), there),
            complaints: complaints.of(field.name).to_vec(),
        }
    }

    /// What describes the input to those who do not see it.
    fn described(&self) -> String {
        let help = (!self.help.is_empty()).then(|| format!("{}-help", self.name));
        let wrong = (!self.complaints.is_empty()).then(|| format!("{}-wrong", self.name));
        wrong.into_iter().chain(help).collect::<Vec<_>>().join(" ")
    }
}

/// What would change, and what follows from it; the form to confirm that.
pub fn preview_page(
    (context, operator): (&Context, &Operator),
    subject: &Subject,
    (sent, form): (&Sent, &Form),
    draft: &Draft,
    complaint: &'static str,
) -> Response {
    let is_new = subject.version.is_none();
    let line = |field: &Field| {
        let value = draft.after.get(field.name)?;
        let (before, after) = (subject.first(field), field.text(value));
        let is_shown = if is_new { !after.is_empty() && after != "no" } else { before != after };
        is_shown.then(|| Line { label: field.label, before: field.shown(&before), after: field.shown(&after) })
    };
    let mut hidden =
        vec![("version".to_owned(), sent.version.clone()), (once::KEY.to_owned(), once::key(context, Some(form)))];
    for field in &subject.fields {
        hidden.push((field.name.to_owned(), sent.text(field.name).to_owned()));
        hidden.push((format!("{SEEN}{}", field.name), sent.seen(field.name).to_owned()));
    }
    let mut response = page(&PreviewPage {
        frame: Frame::of(operator, format!("{}: preview", subject.title)),
        back: &subject.back,
        path: &subject.path,
        is_new,
        lines: subject.fields.iter().filter_map(line).collect(),
        consequences: &draft.consequences,
        hidden,
        complaint,
    });
    if !complaint.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}
