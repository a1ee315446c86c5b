// What the engine's loop carries from iteration to iteration: where the loader, the array and the
// drain stand. Each decision below waits for a comparison or two of values that the iteration before
// left behind.
#pragma once
#include "epilogue.hpp"
#include "loader.hpp"

namespace qnas {

struct Schedule {
    LoadCursor cursor;
    Tile tile;      // multiplied, at beat `k`
    Tile draining;  // the one before, of which `drained` steps are done; all of them: none is left
    short k, drained;
    bool ready;     // a row tile has come and is not done
    bool full;      // the next one has come as well: both halves of `weight` are in use
    bool coming;    // more row tiles are to come
    bool complete;  // one came whole in the iteration before
    bool pause;     // until that is known: no word of the next one is taken
    bool loading;   // more are to come, there is room, no pause: all that the stream's read waits for
};

// What an iteration does.
struct Turn {
    bool left;       // row tiles are not done
    bool loading;    // a step of a row tile, if its word is there; `last_step` of it
    bool beat;       // products; `last_beat` of a tile
    bool draining;   // a step of the tile before
    bool tile_done;  // the tile's last iteration; `row_done`: the row tile's
    bool last_step, last_beat, row_done;
};

inline Schedule first_turn(const Stage& stage) {
#pragma HLS INLINE
    Schedule at;
    at.cursor = first_load(stage);
    at.tile = first_tile(stage, 0);
    at.draining = at.tile;
    at.k = 0;
    at.drained = stage.drain_steps;
    at.ready = at.full = at.complete = at.pause = false;
    at.coming = at.loading = stage.row_tiles > 0;
    return at;
}

inline Turn turn_of(const Stage& stage, const Schedule& at) {
#pragma HLS INLINE
    Turn turn;
    turn.left = at.tile.row_tile < stage.row_tiles;
    turn.loading = at.loading;
    turn.beat = at.ready && at.k < stage.beats;
    turn.draining = at.drained < stage.drain_steps;
    turn.tile_done = at.ready && at.k == stage.tile_steps - 1;
    turn.last_step = at.cursor.step == stage.load_steps - 1;
    turn.last_beat = turn.beat && at.k == stage.beats - 1;
    turn.row_done = turn.tile_done && at.tile.token_tile == stage.token_tiles - 1 &&
                    is_last_image(stage, at.tile);
    return turn;
}

// Goes on to the next turn; `came`: the word that this one waited for was there. Whether a row tile
// has come is known to the turn after the next alone, so that no decision waits for the stream.
inline void next_turn(const Stage& stage, const Turn& turn, bool came, Schedule& at) {
#pragma HLS INLINE
    if (turn.draining) ++at.drained;
    if (turn.last_beat) {  // tile_steps >= drain_steps: the tile before is drained
        at.draining = at.tile;
        at.drained = 0;
    }
    if (at.ready) at.k = turn.tile_done ? 0 : at.k + 1;
    if (turn.tile_done) next_tile(stage, at.tile);
    const bool both = (at.ready && at.complete) || at.full;
    at.coming = at.coming && !(at.complete && at.cursor.tile == stage.row_tiles);
    at.ready = at.complete || at.full || (at.ready && !turn.row_done);
    at.full = both && !turn.row_done;
    at.pause = turn.loading && turn.last_step;
    at.complete = at.pause && came;
    at.loading = at.coming && !at.full && !at.pause;
    if (came) next_load(stage, at.cursor);
}

}  // namespace qnas
