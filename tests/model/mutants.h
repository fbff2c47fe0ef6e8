/*
 * mutants.h - plants a bug at every atomic operation of a protocol, one at a time, and asks whether
 * its models notice.
 *
 * At each place: the next weaker memory orders (a still weaker one is then caught all the more); a
 * store left out, or a seq_cst load, which is a second look; a read-modify-write torn into a load
 * and a store. Each must be caught,
 * that is, some model must find a violation. What is not caught is either a gap in the models, or
 * an operation that is stronger than it must be; where that is meant, the test lists the mutant
 * as harmless and says why. The list must be exact: a harmless mutant that is caught is an error.
 */
#ifndef WEFT_TESTS_MODEL_MUTANTS_H
#define WEFT_TESTS_MODEL_MUTANTS_H

#include "tests/model/model.h"

struct mutants {
    unsigned caught;
    unsigned harmless;
    unsigned wrong; /* neither caught nor listed, or listed but caught, or listed in vain */
};

/*
 * Explore all models (NULL ends them) as they are, which must be without a violation, then with
 * each bug in the one file `file`. `harmless` has the names of mutants as they are printed
 * ("inbox_has_mail: load &inbox->head: left out"), and ends with NULL.
 */
struct mutants mutants_explore(const struct model *const *models, const char *file,
                               const char *const *harmless);

/* Explore one model as it is, and say what it took; false, with a trace, if it is violated. */
bool mutants_sound(const struct model *model);

/* Explore one model in which the test has planted a bug of its own; false if it goes unnoticed. */
bool mutants_caught(const struct model *model, const char *bug);

#endif
