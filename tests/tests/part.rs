#[path = "all/console/mod.rs"]
mod console;
#[path = "all/table.rs"]
mod table;
#[path = "all/rooms.rs"]
mod rooms;
#[path = "all/settings.rs"]
mod settings;
#[path = "all/template.rs"]
mod template;
