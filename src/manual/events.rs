//! sigtrail-events(7), from the schema of the lines.

use super::page::Page;
use crate::schema::{self, Field, Table};

/// The page.
pub fn page() -> String {
    let schema = schema::schema();
    let mut page = Page::new(
        "sigtrail-events",
        7,
        "the lines that sigtrail writes, and their fields",
    );
    page.heading("Description");
    page.paragraph(schema["description"].as_str().unwrap_or_default());
    page.paragraph(&format!(
        "This is version {} of the schema; `sigtrail schema` prints it as a JSON Schema. Flags \
         are present, as true, only where they hold. Fields marked with * are always present.",
        schema::VERSION
    ));
    for table in schema::tables() {
        fields(&mut page, &table);
    }
    page.heading("See also");
    page.paragraph("sigtrail(8), sigtrail.toml(5), jq(1)");
    page.finish()
}

fn fields(page: &mut Page, table: &Table) {
    page.heading(&table.title.replace('`', ""));
    page.paragraph(&table.about);
    for (index, field) in table.fields.iter().enumerate() {
        if table.process_at == Some(index) {
            process(page);
        }
        let mark = if field.always { "*" } else { "" };
        page.item(
            &format!("`{}`{mark} ({})", field.name, kind(field)),
            &field.meaning,
        );
    }
    if table.process_at == Some(table.fields.len()) {
        process(page);
    }
}

fn process(page: &mut Page) {
    page.item("...", "the fields under A PROCESS");
}

/// Its type, without the link that Markdown has.
fn kind(field: &Field) -> &str {
    let name = field.kind.strip_prefix('[');
    name.and_then(|name| name.split(']').next())
        .unwrap_or(&field.kind)
}
