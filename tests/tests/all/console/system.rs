//! The system's page: the schedule's last and next run. The people of whom something is on record.

use license_domain::{Scope, sweep::SWEEP_EVERY};
use license_tests::{Browser, TestApp};

#[test]
fn the_page_and_the_template_agree_on_the_schedule() {
    let template = include_str!("../../../../template.yaml");
    let lines: Vec<&str> = template.lines().filter(|line| line.contains("ScheduleExpression:")).collect();
    assert_eq!(lines.len(), 1, "a schedule without a place on the page");
    assert_eq!(lines[0].trim(), format!("ScheduleExpression: rate({} minute)", SWEEP_EVERY.num_minutes()));
}

#[tokio::test]
async fn the_last_and_next_runs_of_the_schedule_are_shown() {
    let app = TestApp::start().await;
    let plan =
        app.plan_of(&app.agreement().await, 5, &serde_json::json!({ "expiration_date": "2026-11-25T00:00:00Z" })).await;
    plan.activated(&app, "ann@example.com").await;
    app.advance("P5D").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let page = browser.get("/admin/system/").await.text;
    let schedules = page.split("id=\"schedules\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("it");
    let time = |label: &str| {
        let rest = schedules.split(&format!("<dt>{label}</dt><dd><time datetime=\"")).nth(1);
        let text = rest.and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("{label}: {schedules}"));
        text.parse::<license_domain::Timestamp>().expect("a moment")
    };
    let (last, next) = (time("Last run"), time("Next run"));
    assert_eq!(next - last, SWEEP_EVERY);
    assert!(app.now() - last < chrono::TimeDelta::minutes(5), "{schedules}");
    assert!(!schedules.contains("has missed runs"), "{schedules}");
    let expired = schedules.split("<td>Expire the plan</td>").nth(1).and_then(|rest| rest.split("</tr>").next());
    assert!(expired.is_some_and(|line| line.contains("<time datetime=\"2026-11-2")), "{schedules}");
}

#[tokio::test]
async fn people_are_listed_page_by_page() {
    let app = TestApp::start().await;
    for number in 0..60 {
        app.grant(&format!("person{number:02}"), Scope::All).await;
    }
    app.grant("<b>odd</b> & co", Scope::All).await;
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let page = browser.get("/admin/users/").await.text;
    assert!(page.contains(">person00</a>") && !page.contains(">person59</a>"), "{page}");
    assert!(page.contains("&#60;b&#62;odd&#60;/b&#62; &#38; co</a>"), "{page}");
    let signed_in = page.split("signed in to the console lately").nth(1).expect("a list");
    assert!(signed_in.contains("<a href=\"/admin/users/?name=demo-superuser\">"), "{page}");
    let next =
        page.split("<a href=\"").find(|rest| rest.contains("Next people")).and_then(|rest| rest.split('"').next());
    let next = browser.get(&next.expect("a next page").replace("&#38;", "&")).await.text;
    assert!(
        next.contains(">person59</a>") && !next.contains(">person00</a>") && !next.contains("Next people"),
        "{next}"
    );
    let found = browser.get("/admin/users/?name=person07").await.text;
    assert!(found.contains("every customer") && !found.contains("People with a role"), "{found}");
}
