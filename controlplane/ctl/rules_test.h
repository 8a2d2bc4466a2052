/* weirctl rules test: one message through the dataplane's own eyes; used by ctl/rules.c only. */
#ifndef MW_CONTROLPLANE_CTL_RULES_TEST_H
#define MW_CONTROLPLANE_CTL_RULES_TEST_H

#include "controlplane/ctl/command.h"

void mw_cmd_rules_test(struct mw_command *c);

#endif
