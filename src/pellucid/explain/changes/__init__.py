"""Why a traffic share or an outcome's rate changed, in exact parts."""
