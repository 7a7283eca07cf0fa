"""What a user of another framework would write today, beside fastlstm's own."""
