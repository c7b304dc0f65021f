//! What the compiler says of `#[paid]`.

#[path = "../ui/pass/handlers.rs"]
mod handlers;
#[path = "../ui/pass/places.rs"]
mod places;

#[test]
fn sound_handlers_compile_without_a_warning_and_route() {
    handlers::main();
    places::main();
}

#[test]
fn mistakes_are_told_where_they_are_all_at_once() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
