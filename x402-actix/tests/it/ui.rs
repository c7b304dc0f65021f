//! What the compiler says of `#[paid]`.

#[path = "../ui/pass/places.rs"]
mod places;

#[test]
fn handlers_compile_wherever_they_may_stand() {
    places::main();
}
