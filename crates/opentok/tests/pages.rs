//! The pages for people keep up with the operations.

#[test]
fn the_page_for_other_sdks_has_every_operation_once() {
    let page = include_str!("../src/migrating.md");
    let (_, table) = include_str!("../README.md").split_once("<!-- operations: begin").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut count = 0;
    for (operation, _) in rows.filter(|(_, rest)| rest.contains("local") || rest.contains("| `")) {
        assert_eq!(page.matches(&format!("(crate::Client::{operation}) |")).count(), 1, "{operation}");
        count += 1;
    }
    assert!(count > 50, "{count} operations");
    assert_eq!(page.lines().filter(|line| line.starts_with("| [`")).count(), count);
}
